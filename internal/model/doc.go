// Package model holds the nouns every room shares: identities and quantities
// with their own types, so that a byte address can never be passed where a
// record number is meant.
//
// It imports the standard library only and has no behaviour beyond parsing and
// printing. Files: model.go.
package model
