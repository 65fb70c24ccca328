// Package cluster holds the metadata of the cluster: which topics, partitions
// and configs exist, who leads what, and the records from which that is built.
// It also knows every setting: what it means, what it may be, and what its
// value is for a topic, a broker or a group.
//
// Files, in reading order. The state: image.go (the immutable snapshot),
// metadata.go (the interface to change it), topicname.go, shardmap.go and
// idranges.go (the containers of an image). Its records: record.go,
// record_topic.go, codec.go (bytes), draft.go (playing records). The journal on
// one node: journal.go, commit.go (one goroutine, group commit), changes.go
// (what each change checks and records), quota.go (quotas of clients, with their record), growth.go (what is
// refused for the sake of room), frame.go (the file format), files.go
// (which files there are), snapshot.go, recover.go, inspect.go (a look at the
// files of a stopped broker), adopt.go (metadata that is older than its log). The settings: configdef.go and rules.go, then
// topic_configs.go, broker_configs.go, txn_configs.go, compaction_configs.go, broker_hints.go,
// broker_meaningless.go, group_configs.go as data, client_metrics.go (which metrics clients push), validate.go, security.go (what is refused or warned
// of, as it would protect in Kafka), nearest.go, resolver.go and settings.go
// (effective values), describe.go, alter.go.
//
// Invariants:
//   - An image never changes; what was read from one stays true of that one.
//   - Only records change state, live and in a replay alike.
//   - A change is durable, the image with it current, and every subscriber told,
//     before its caller is answered. A change that fails has no effect.
//   - A partition id is given once. Ids ascend from 1; one below the next to
//     give is either alive or dropped for ever. (Where partitions were adopted,
//     ids between them count as alive and belong to no topic.)
//   - Damage that is not a torn tail is never repaired by guessing: the journal
//     does not open, and nothing is deleted.
//
// Goroutines: one per Journal, the committer, from Open to Close.
package cluster
