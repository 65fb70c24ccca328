// Package confluentjs plays the scenarios of clients/everyday with
// @confluentinc/kafka-javascript (testdata/everyday.js).
package confluentjs
