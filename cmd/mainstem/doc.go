// Command mainstem is the broker and its tools. It only wires the rooms
// together: flags to configuration, configuration to parts, parts to a running
// broker.
//
// Files, in reading order: main.go (entry, exit codes), root.go (the command
// tree), config.go (what a configuration is), layers.go (file, environment and
// flags, and which wins), properties.go (Java's file format), listeners.go
// (addresses), serve.go (running), broker.go (what runs),
// ports.go (whether its addresses are free), groupconfig.go (the
// rules of groups), transactions.go (their coordinator), datadir.go (which directory may be used), halves.go (one of which a part is gone), front.go (what
// others see of it), damage.go (what they see of damage), keeper.go,
// compactor.go, disk.go (when the disk gets full), logevents.go, groupevents.go, notices.go (what
// the log says at the start), producerids.go (metadata that is older than its
// log), memory.go (the soft limit of the heap). The other verbs:
// configprint.go, logdump.go, logcheck.go with logreport.go (what is
// wrong with a log) and progress.go, logsalvage.go with logadopt.go (giving up
// what is damaged), group.go with groupclient.go, grouptable.go, groupdescribe.go,
// groupreset.go and grouprewind.go with grouprewindtable.go (consumer groups, over HTTP), txn.go and txntable.go (transactions, likewise), producerflag.go and topicsflag.go (flags
// of a kind), version.go.
package main
