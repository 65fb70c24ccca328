// Package protocol turns bytes of the Kafka wire protocol into structs and
// back. It does no I/O, keeps no state and starts no goroutine.
//
// A request comes in through FrameSize (how many bytes to read), ParseHeader
// (who asks what) and Decode (the body, as a kmsg request). An answer goes out
// through AppendResponse, or, for Fetch, through FetchEncoder, which leaves
// gaps where the server puts records straight from the log.
//
// Files in reading order:
//
//	keys.go              the API keys, their names, which versions are flexible
//	errorcode.go         Kafka's error codes
//	errorname.go         their names, and which ones clients retry
//	error.go             an error code with words
//	frame.go             the size before each frame; answers as frames
//	header.go            what precedes a request's body
//	decode.go            a request's body
//	guard.go             what is checked before kmsg may decode it
//	layout.go            the language in which the layouts are written
//	layouts*.go          the layout of every served request
//	reader.go            numbers, varints and tagged fields in bytes
//	fetchresponse.go     answers to Fetch
//	metadataresponse.go  answers to Metadata
//	fields.go            the fields of both
//	apiversions.go       answers to ApiVersions
//
// Invariants:
//
//   - Nothing is allocated because a peer claims a length: only for bytes that
//     are there.
//   - Records are never copied: a decoded Produce aliases its frame, and a
//     Fetch answer never sees them.
//   - No input makes this package panic. Mistakes of its callers do.
//   - Versions are advertised from the server's own table, never from kmsg's,
//     which runs ahead of Kafka's releases.
package protocol
