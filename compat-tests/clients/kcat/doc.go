// Package kcat tests a broker with kcat of Debian's package, and so with an old
// librdkafka, which asks for old API versions and checks CRCs.
//
// All tests are in kcat_test.go; allow.txt lists what must pass on Mainstem.
package kcat
