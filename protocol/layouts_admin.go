package protocol

// adminLayouts describes what admin clients send.
func adminLayouts() []layout {
	return append(topicLayouts(), configLayouts()...)
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
		{KeyDescribeLogDirs, 1, 4, []field{
			array("Topics",
				text("Topic"),
				list("Partitions", i32("Partition"))).nullable(0),
		}},
		{KeyDescribeCluster, 0, 2, []field{
			boolean("IncludeClusterAuthorizedOperations"),
			i8("EndpointType").since(1),
			boolean("IncludeFencedBrokers").since(2),
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
