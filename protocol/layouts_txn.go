package protocol

// txnLayouts describes what is asked of transactions.
func txnLayouts() []layout {
	return []layout{
		{KeyAddPartitionsToTxn, 0, 5, []field{
			array("Transactions",
				text("TransactionalId"), i64("ProducerId"), i16("ProducerEpoch"), boolean("VerifyOnly"),
				array("Topics", text("Name"), list("Partitions", i32("Partition")))).since(4),
			text("V3AndBelowTransactionalId").until(3),
			i64("V3AndBelowProducerId").until(3), i16("V3AndBelowProducerEpoch").until(3),
			array("V3AndBelowTopics", text("Name"), list("Partitions", i32("Partition"))).until(3),
		}},
		{KeyAddOffsetsToTxn, 0, 4, []field{
			text("TransactionalId"), i64("ProducerId"), i16("ProducerEpoch"), text("GroupId"),
		}},
		{KeyEndTxn, 0, 5, []field{
			text("TransactionalId"), i64("ProducerId"), i16("ProducerEpoch"), boolean("Committed"),
		}},
		{KeyWriteTxnMarkers, 1, 2, []field{
			array("Markers",
				i64("ProducerId"), i16("ProducerEpoch"), boolean("TransactionResult"),
				array("Topics", text("Name"), list("PartitionIndexes", i32("Partition"))),
				i32("CoordinatorEpoch"), i8("TransactionVersion").since(2)),
		}},
		{KeyTxnOffsetCommit, 0, 5, []field{
			text("TransactionalId"), text("GroupId"), i64("ProducerId"), i16("ProducerEpoch"),
			i32("GenerationId").since(3), text("MemberId").since(3), text("GroupInstanceId").since(3).nullable(3),
			array("Topics",
				text("Name"),
				array("Partitions",
					i32("PartitionIndex"), i64("CommittedOffset"), i32("CommittedLeaderEpoch").since(2),
					text("CommittedMetadata").nullable(0))),
		}},
		{KeyDescribeProducers, 0, 0, []field{
			array("Topics", text("Name"), list("PartitionIndexes", i32("Partition"))),
		}},
		{KeyDescribeTransactions, 0, 0, []field{
			list("TransactionalIds", text("TransactionalId")),
		}},
		{KeyListTransactions, 0, 2, []field{
			list("StateFilters", text("State")),
			list("ProducerIdFilters", i64("ProducerId")),
			i64("DurationFilter").since(1),
			text("TransactionalIdPattern").since(2).nullable(2),
		}},
	}
}
