// Package arch holds no code, only tests of the shape of the house: which room
// may import which, and that files, links and test data stay tidy.
//
// Files: policy.txt (which way imports go, as text), policy_test.go (reads it
// and judges imports), source_test.go (finds the rooms and their imports),
// arch_test.go (the layer test, and the proof that it can fail), tidy_test.go
// (the small rules), tidy_rules_test.go (how each is judged), planted_test.go
// (whether the patches of known bugs still fit) and planted_run_test.go (how
// tools/planted.sh judges them).
//
// A failure names the file, the import and the line of the policy. Change the
// policy only with the design. No goroutines; nobody may import this package.
package arch
