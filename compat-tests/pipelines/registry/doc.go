// Package registry runs a registry of schemas (testdata/Registry.java) as such services are
// built: all of its state is in a compacted topic (Journal.java), and who writes to it is
// agreed in a group of the protocol type "sr" (Leadership.java), with JoinGroup, SyncGroup
// and Heartbeat but no consumer. The broker and the leader are killed; what is registered
// stays, and ids are given once.
//
// Files in reading order: main_test.go (the shared broker), service_test.go (the
// processes of a registry, and how they are asked), registry_test.go.
package registry
