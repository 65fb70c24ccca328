package cluster

// Names of the settings of transactions that other rooms ask for.
const (
	TxnTimeoutMaxKey  = "transaction.max.timeout.ms"
	TxnExpirationKey  = "transactional.id.expiration.ms"
	TxnExpiryCheckKey = "transaction.remove.expired.transaction.cleanup.interval.ms"
	TxnVerifyKey      = "transaction.partition.verification.enable"
	TxnPartitionsKey  = "transaction.state.log.num.partitions"
	TxnSegmentKey     = "transaction.state.log.segment.bytes"
	TxnWaitKey        = "add.partitions.to.txn.retry.backoff.max.ms"
)

// brokerTxnDefs are the settings of transactions that are obeyed.
func brokerTxnDefs() []ConfigDef {
	return []ConfigDef{
		{Name: TxnTimeoutMaxKey, Rule: intFrom(1), Default: "900000", Doc: "The longest transaction timeout that a producer may ask for."},
		{
			Name: TxnExpirationKey, Rule: intFrom(1), Default: week,
			Doc: "How long a transactional id without an open transaction is kept that nobody uses.",
		},
		{Name: TxnExpiryCheckKey, Rule: intFrom(1), Default: "3600000", Doc: "How often transactional ids are looked at for expiry."},
		{
			Name: TxnVerifyKey, Rule: boolean(), Default: "true", Dynamic: ClusterWide,
			Doc: "Whether the first record that a transaction writes to a partition is checked against its coordinator, " +
				"so that one that comes late begins no transaction that nobody ends.",
		},
		{
			Name: TxnPartitionsKey, Rule: intBetween(1, shardsMax), Default: "50",
			Doc: "Partitions of __transaction_state; has effect when it is created, with the first transactional producer.",
		},
		{
			Name: TxnSegmentKey, Rule: intFrom(1), Default: "104857600",
			Doc: "The segment.bytes of __transaction_state: as many bytes a partition, at most, wait for compaction. " +
				"Has effect when the topic is created, with the first transactional producer.",
		},
		{
			Name: TxnWaitKey, Rule: intFrom(0), Default: "100",
			Doc: "How long a request waits for the end of the transaction before it, until it is told to come again.",
		},
	}
}
