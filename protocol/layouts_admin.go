package protocol

import "slices"

// adminLayouts describes what admin clients send.
func adminLayouts() []layout {
	return slices.Concat(topicLayouts(), configLayouts(), clusterLayouts(), quotaLayouts(), scramLayouts(), telemetryLayouts())
}

func quotaLayouts() []layout {
	return []layout{
		{KeyDescribeClientQuotas, 0, 1, []field{
			array("Components", text("EntityType"), i8("MatchType"), text("Match").nullable(0)),
			boolean("Strict"),
		}},
		{KeyAlterClientQuotas, 0, 1, []field{
			array("Entries",
				array("Entity", text("EntityType"), text("EntityName").nullable(0)),
				array("Ops", text("Key"), i64("Value"), boolean("Remove"))),
			boolean("ValidateOnly"),
		}},
	}
}

func scramLayouts() []layout {
	return []layout{
		{KeyDescribeUserScramCredentials, 0, 0, []field{array("Users", text("Name")).nullable(0)}},
	}
}

func telemetryLayouts() []layout {
	return []layout{
		{KeyGetTelemetrySubscriptions, 0, 0, []field{uuid("ClientInstanceId")}},
		{KeyPushTelemetry, 0, 0, []field{
			uuid("ClientInstanceId"), i32("SubscriptionId"), boolean("Terminating"), i8("CompressionType"), blob("Metrics"),
		}},
	}
}

func topicLayouts() []layout {
	return []layout{
		{KeyCreateTopics, 0, 7, []field{
			array("Topics",
				text("Name"), i32("NumPartitions"), i16("ReplicationFactor"),
				array("Assignments", i32("PartitionIndex"), list("BrokerIds", i32("BrokerId"))),
				array("Configs", text("Name"), text("Value").nullable(0))),
			i32("TimeoutMs"), boolean("ValidateOnly").since(1),
		}},
		{KeyDeleteTopics, 0, 6, []field{
			list("TopicNames", text("Name")).until(5),
			array("Topics", text("Name").nullable(6), uuid("TopicId")).since(6),
			i32("TimeoutMs"),
		}},
		{KeyDeleteRecords, 0, 2, []field{
			array("Topics",
				text("Name"),
				array("Partitions", i32("PartitionIndex"), i64("Offset"))),
			i32("TimeoutMs"),
		}},
		{KeyCreatePartitions, 0, 3, []field{
			array("Topics",
				text("Name"), i32("Count"),
				array("Assignments", list("BrokerIds", i32("BrokerId"))).nullable(0)),
			i32("TimeoutMs"), boolean("ValidateOnly"),
		}},
		{KeyDescribeTopicPartitions, 0, 0, []field{
			array("Topics", text("Name")),
			i32("ResponsePartitionLimit"),
			optional("Cursor", text("TopicName"), i32("PartitionIndex")),
		}},
		{KeyDescribeLogDirs, 0, 4, []field{
			array("Topics",
				text("Topic"),
				list("Partitions", i32("Partition"))).nullable(0),
		}},
	}
}

func configLayouts() []layout {
	return []layout{
		{KeyDescribeConfigs, 0, 4, []field{
			array("Resources",
				i8("ResourceType"), text("ResourceName"),
				list("ConfigurationKeys", text("Name")).nullable(0)),
			boolean("IncludeSynonyms").since(1),
			boolean("IncludeDocumentation").since(3),
		}},
		{KeyAlterConfigs, 0, 2, []field{
			array("Resources",
				i8("ResourceType"), text("ResourceName"),
				array("Configs", text("Name"), text("Value").nullable(0))),
			boolean("ValidateOnly"),
		}},
		{KeyIncrementalAlterConfigs, 0, 1, []field{
			array("Resources",
				i8("ResourceType"), text("ResourceName"),
				array("Configs", text("Name"), i8("ConfigOperation"), text("Value").nullable(0))),
			boolean("ValidateOnly"),
		}},
		{KeyListConfigResources, 0, 1, []field{
			list("ResourceTypes", i8("ResourceType")).since(1),
		}},
	}
}

func clusterLayouts() []layout {
	return []layout{
		{KeyDescribeCluster, 0, 2, []field{
			boolean("IncludeClusterAuthorizedOperations"),
			i8("EndpointType").since(1),
			boolean("IncludeFencedBrokers").since(2),
		}},
		{KeyElectLeaders, 0, 2, []field{
			i8("ElectionType").since(1),
			array("TopicPartitions", text("Topic"), list("Partitions", i32("Partition"))).nullable(0),
			i32("TimeoutMs"),
		}},
		{KeyAlterPartitionReassignments, 0, 1, []field{
			i32("TimeoutMs"), boolean("AllowReplicationFactorChange").since(1),
			array("Topics",
				text("Name"),
				array("Partitions", i32("PartitionIndex"), list("Replicas", i32("BrokerId")).nullable(0))),
		}},
		{KeyListPartitionReassignments, 0, 0, []field{
			i32("TimeoutMs"),
			array("Topics", text("Name"), list("PartitionIndexes", i32("PartitionIndex"))).nullable(0),
		}},
		{KeyDescribeQuorum, 0, 2, []field{
			array("Topics", text("TopicName"), array("Partitions", i32("PartitionIndex"))),
		}},
		{KeyUpdateFeatures, 0, 2, []field{
			i32("TimeoutMs"),
			array("FeatureUpdates",
				text("Feature"), i16("MaxVersionLevel"), boolean("AllowDowngrade").until(0), i8("UpgradeType").since(1)),
			boolean("ValidateOnly").since(1),
		}},
		{KeyUnregisterBroker, 0, 0, []field{i32("BrokerId")}},
	}
}
