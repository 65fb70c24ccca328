// Package rskafka plays the scenarios of clients/everyday with rskafka (program).
package rskafka
