// Package quotas shows what a quota does to a client that wants more, and to the
// others: for a minute, on either target. It measures, so it is run by hand, on a
// machine with nothing else to do:
//
//	TARGET=mainstem go test ./quotas -v -minute
//	TARGET=kafka    go test ./quotas -v -minute
//
// On Mainstem the limited client has to stay within 5 % of its quota; of Kafka the
// figures are only shown.
//
// Files: quotas_test.go (the measurement), clients_test.go (who produces and
// consumes).
package quotas
