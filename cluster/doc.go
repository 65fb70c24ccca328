// Package cluster holds the metadata of the cluster: which topics, partitions
// and configs exist, who leads what, and the records from which that is built.
package cluster
