// Package batch reads, checks, rewrites and makes record batches of Kafka's
// message format v2: the one format that is both on the wire and on disk.
//
// Files in reading order:
//
//	header.go      Header, the decoded fixed part
//	parse.go       the fields drawn; bytes to headers; errors
//	attributes.go  the bits of the attributes; codecs
//	validate.go    what is checked of a producer's batch; CRCs
//	rewrite.go     what a broker changes before it appends
//	records.go     the records inside; count.go: their frames alone
//	stream.go      the records as they come out of a decoder
//	decompress.go  compressed records, within limits
//	compress.go    the other way
//	filter.go      a batch of some of another's records, for compaction
//	section.go     records on their way through a codec
//	builder.go     batches made here: journals and tests
//	writer.go      batches made of many records that nobody keeps
//	marker.go      control batches that end transactions
//	filler.go      what an importer makes of a source's batches
//
// Whoever receives bytes calls Parse or Split, then Validate for a producer's
// batches or Verify for stored ones. After that the rewriters and Records may
// be used; they trust the header.
//
// Invariants:
//
//   - A batch's own CRC and PrefixCRC together cover every one of its bytes.
//   - What was built or received is passed on as it is: only base offset,
//     leader epoch and, for LogAppendTime and false claims about times, attribute
//     bit, max timestamp and CRC are ever rewritten; and by an importer, before it
//     sends a batch, what Widen says.
//   - No input makes this package panic, or take more memory than the limit
//     that the caller gives.
//
// There are no goroutines. The only state is in pools of decoders and buffers.
package batch
