// Package server is the broker's front: it listens, cuts the byte streams of clients
// into Kafka requests, hands each to the handler of its API, and sends the answers
// back in order.
//
// Reading order: config.go, settings.go and server.go (what it is made of),
// listener.go, socket.go, sparing.go (the last descriptors are not for connections),
// unsent.go (nor the kernel's memory) and connset.go (who may connect), conn.go and
// frame.go (reading), call.go and pipeline.go (one request, and the order of answers),
// answers.go and weight.go (the memory for answers), gather.go (outcomes from
// elsewhere), tasks.go (short
// goroutines), throttle.go (quotas: who has to pause) and gone.go (who left
// meanwhile), clientmetrics.go (what clients push about themselves), loglimit.go (how
// many lines clients can cause), janitor.go (idle and stalled clients), stranded.go
// (those that do not come back), table.go (which APIs there are), then one file per
// API, named by its key: each opens with its card.
//
// Their helpers: fetchset.go (ready lists and long poll), fetchsession.go and
// sessioncache.go (KIP-227), backfill.go (who reads old data) and leaderhint.go (whom
// to ask instead, KIP-951) are 01_fetch.go's; this last one, txnverify.go and
// turnqueue.go (which batches the coordinator has to allow, and their order) are
// 00_produce.go's, as is import.go (which requests are an importer's); distinct.go is
// for requests that name one thing again and again, legacy.go and
// legacy_fetch.go serve clients from before Kafka 0.11, producerids.go gives out
// producer ids. The topics of coordinators are internaltopic.go, offsets.go (what
// groups follow of the metadata), journal.go, journal_append.go and journal_load.go;
// txnmarkers.go ends transactions in their partitions (txnrefusal.go: what those of
// groups have against it), txnmetrics.go and txnhanging.go count them. groupview.go
// is the metadata as groups see it, notices.go is about what is not built, errors.go,
// metrics.go, http.go and http_stranger.go are what is told to clients and operators.
//
// For operators: api.go (who may ask over HTTP), api_query.go, api_groups.go and
// api_groups_write.go, api_rewind.go; api_txn.go, idpattern.go (transactional ids by
// pattern), opentxns.go (what holds partitions back), txnlast.go (how the last one
// ended), api_hanging.go (what nobody else would end) and txnjson.go are about
// transactions; groupjson.go (what is shown of groups), groupfilter.go, grouplag.go
// (how far behind they are), groupends.go (many of them at once), grouplooks.go
// (looks at all of them, shared by who asks), groupwhy.go (what holds them up),
// groupreset.go and groupresetto.go, grouprewind.go and groupmoves.go (moving what
// they committed), groupcells.go (the members of a broadcast group), groupmetrics.go,
// grouplabels.go.
//
// Invariants:
//   - The answers of a connection leave in the order of its requests; the work
//     on them overlaps.
//   - Every call ends exactly once: by answer, later, silent or refuse. Who ends
//     it from the log's or the coordinator's goroutines leaves the encoding to
//     the connection.
//   - A claimed length costs no memory before the bytes behind it arrive. What is
//     read for the log is within one budget, other large requests are within
//     another, and small ones are their connection's own.
//   - What an answer takes is reckoned before it is made, or, where nobody can
//     know it by the request (weighedLater), before it is encoded: what a
//     coordinator has put together until then is counted by nobody. Beyond a small
//     free allowance of each connection all answers are within one budget too, and
//     who holds of it waits for nobody but its own client. What others wait for
//     nobody may hold for long: see answers.go.
//   - What an answer points at stays pinned until it is written or given up,
//     and is then released, whatever happens to the connection.
//   - ApiVersions and dispatch read the same table.
//
// Goroutines: one per listener (accepting), one per connection (reading,
// running the first phase of its requests, and writing what is ready then), a
// second one per connection from the first answer that was not ready at once,
// one of the HTTP server, and short ones counted by tasks. A parked long poll
// is no goroutine. Close waits for all of them.
package server
