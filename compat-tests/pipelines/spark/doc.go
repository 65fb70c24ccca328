// Package spark runs jobs of Spark (testdata/Job.java) in one process: Structured Streaming
// from a topic to a topic and to files, over kills of the broker and of the job, which goes
// on from its checkpoint; and a batch that reads what two times stand around.
//
// Files in reading order: main_test.go (the shared broker), job_test.go (the job),
// copies_test.go (what it writes, and the checks), check_test.go (that they find what is
// planted), spark_test.go.
package spark
