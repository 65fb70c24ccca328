package protocol

// dataLayouts describes what producers and consumers send to partition leaders.
func dataLayouts() []layout {
	return []layout{
		{KeyProduce, 0, 13, []field{
			text("TransactionalId").since(3).nullable(3),
			i16("Acks"), i32("TimeoutMs"),
			array("TopicData",
				text("Name").until(12),
				uuid("TopicId").since(13),
				array("PartitionData", i32("Index"), blob("Records").nullable(0))),
		}},
		fetchLayout(),
		{KeyListOffsets, 0, 11, []field{
			i32("ReplicaId"),
			i8("IsolationLevel").since(2),
			array("Topics",
				text("Name"),
				array("Partitions",
					i32("PartitionIndex"),
					i32("CurrentLeaderEpoch").since(4),
					i64("Timestamp"),
					i32("MaxNumOffsets").until(0))),
			i32("TimeoutMs").since(10),
		}},
		{KeyMetadata, 0, 13, []field{
			array("Topics",
				uuid("TopicId").since(10),
				text("Name").nullable(10)).nullable(1),
			boolean("AllowAutoTopicCreation").since(4),
			boolean("IncludeClusterAuthorizedOperations").since(8).until(10),
			boolean("IncludeTopicAuthorizedOperations").since(8),
		}},
		{KeyApiVersions, 0, 4, []field{
			text("ClientSoftwareName").since(3),
			text("ClientSoftwareVersion").since(3),
		}},
		{KeyInitProducerID, 0, 5, []field{
			text("TransactionalId").nullable(0),
			i32("TransactionTimeoutMs"),
			i64("ProducerId").since(3), i16("ProducerEpoch").since(3),
		}},
		{KeyOffsetForLeaderEpoch, 0, 4, []field{
			i32("ReplicaId").since(3),
			array("Topics",
				text("Topic"),
				array("Partitions", i32("Partition"), i32("CurrentLeaderEpoch").since(2), i32("LeaderEpoch"))),
		}},
	}
}

func fetchLayout() layout {
	return layout{KeyFetch, 0, 18, []field{
		i32("ReplicaId").until(14),
		i32("MaxWaitMs"), i32("MinBytes"), i32("MaxBytes").since(3), i8("IsolationLevel").since(4),
		i32("SessionId").since(7), i32("SessionEpoch").since(7),
		array("Topics",
			text("Topic").until(12),
			uuid("TopicId").since(13),
			array("Partitions",
				i32("Partition"),
				i32("CurrentLeaderEpoch").since(9),
				i64("FetchOffset"),
				i32("LastFetchedEpoch").since(12),
				i64("LogStartOffset").since(5),
				i32("PartitionMaxBytes"),
				uuid("ReplicaDirectoryId").tagged(0),
				i64("HighWatermark").tagged(1))),
		array("ForgottenTopicsData",
			text("Topic").until(12),
			uuid("TopicId").since(13),
			list("Partitions", i32("Partition"))).since(7),
		text("RackId").since(11),
		text("ClusterId").nullable(12).tagged(0),
		tagged(1, "ReplicaState", i32("ReplicaId"), i64("ReplicaEpoch")),
	}}
}
