// Package snippet ties the pages of docs/clients to what the suites run: settings and
// code that a page shows are the very files that the tests use.
//
// A block of a page is tied by a comment in the line before it:
//
//	<!-- compat-tests/pipelines/streams/testdata/app.properties -->
//	```properties
//	...the whole file...
//	```
//
// The name is from the repository's root. With #NAME behind it, only the lines between
// a line with "snippet: NAME" and the next with "snippet: end" are meant, less the
// indent that they share. Blocks of console and text need no file: they are what a
// person types and sees.
//
// Files: snippet.go (a page against the files), snippet_test.go (the rules, and all
// pages).
package snippet
