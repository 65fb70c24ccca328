// Package platformatic plays the scenarios of clients/everyday with @platformatic/kafka
// (testdata/everyday.js).
package platformatic
