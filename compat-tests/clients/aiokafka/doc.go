// Package aiokafka plays the scenarios of clients/everyday with aiokafka
// (testdata/everyday_client.py). Its transactions are in clients/txn too.
package aiokafka
