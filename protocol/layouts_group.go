package protocol

import "slices"

// groupLayouts describes what members of groups, and the tools that look after
// groups, send to a coordinator.
func groupLayouts() []layout {
	return slices.Concat(membershipLayouts(), consumerGroupLayouts(), offsetLayouts())
}

func consumerGroupLayouts() []layout {
	return []layout{
		{KeyConsumerGroupHeartbeat, 0, 1, []field{
			text("GroupId"), text("MemberId"), i32("MemberEpoch"),
			text("InstanceId").nullable(0), text("RackId").nullable(0),
			i32("RebalanceTimeoutMs"),
			list("SubscribedTopicNames", text("SubscribedTopicName")).nullable(0),
			text("SubscribedTopicRegex").since(1).nullable(1),
			text("ServerAssignor").nullable(0),
			array("TopicPartitions", uuid("TopicId"), list("Partitions", i32("Partition"))).nullable(0),
		}},
		{KeyConsumerGroupDescribe, 0, 1, []field{
			list("GroupIds", text("GroupId")),
			boolean("IncludeAuthorizedOperations"),
		}},
	}
}

func offsetLayouts() []layout {
	return []layout{
		{KeyOffsetCommit, 0, 10, []field{
			text("GroupId"), i32("GenerationIdOrMemberEpoch").since(1), text("MemberId").since(1),
			text("GroupInstanceId").since(7).nullable(7),
			i64("RetentionTimeMs").since(2).until(4),
			array("Topics",
				text("Name").until(9),
				uuid("TopicId").since(10),
				array("Partitions",
					i32("PartitionIndex"), i64("CommittedOffset"),
					i64("CommitTimestamp").since(1).until(1),
					i32("CommittedLeaderEpoch").since(6),
					text("CommittedMetadata").nullable(0))),
		}},
		{KeyOffsetFetch, 0, 10, []field{
			text("GroupId").until(7),
			array("Topics",
				text("Name"),
				list("PartitionIndexes", i32("PartitionIndex"))).until(7).nullable(2),
			array("Groups",
				text("GroupId"),
				text("MemberId").since(9).nullable(9), i32("MemberEpoch").since(9),
				array("Topics",
					text("Name").until(9),
					uuid("TopicId").since(10),
					list("PartitionIndexes", i32("PartitionIndex"))).nullable(8)).since(8),
			boolean("RequireStable").since(7),
		}},
		{KeyOffsetDelete, 0, 0, []field{
			text("GroupId"),
			array("Topics", text("Name"), array("Partitions", i32("PartitionIndex"))),
		}},
	}
}

func membershipLayouts() []layout {
	return []layout{
		{KeyFindCoordinator, 0, 6, []field{
			text("Key").until(3),
			i8("KeyType").since(1),
			list("CoordinatorKeys", text("CoordinatorKey")).since(4),
		}},
		{KeyJoinGroup, 0, 9, []field{
			text("GroupId"),
			i32("SessionTimeoutMs"), i32("RebalanceTimeoutMs").since(1),
			text("MemberId"),
			text("GroupInstanceId").since(5).nullable(5),
			text("ProtocolType"),
			array("Protocols", text("Name"), blob("Metadata")),
			text("Reason").since(8).nullable(8),
		}},
		{KeyHeartbeat, 0, 4, []field{
			text("GroupId"), i32("GenerationId"), text("MemberId"),
			text("GroupInstanceId").since(3).nullable(3),
		}},
		{KeyLeaveGroup, 0, 5, []field{
			text("GroupId"),
			text("MemberId").until(2),
			array("Members",
				text("MemberId"),
				text("GroupInstanceId").nullable(3),
				text("Reason").since(5).nullable(5)).since(3),
		}},
		{KeySyncGroup, 0, 5, []field{
			text("GroupId"), i32("GenerationId"), text("MemberId"),
			text("GroupInstanceId").since(3).nullable(3),
			text("ProtocolType").since(5).nullable(5),
			text("ProtocolName").since(5).nullable(5),
			array("Assignments", text("MemberId"), blob("Assignment")),
		}},
		{KeyDescribeGroups, 0, 6, []field{
			list("Groups", text("Group")),
			boolean("IncludeAuthorizedOperations").since(3),
		}},
		{KeyListGroups, 0, 5, []field{
			list("StatesFilter", text("State")).since(4),
			list("TypesFilter", text("Type")).since(5),
		}},
		{KeyDeleteGroups, 0, 2, []field{
			list("GroupsNames", text("Group")),
		}},
	}
}
