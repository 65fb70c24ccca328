package assign

import "github.com/mainstem-mq/mainstem/internal/model"

// Member is one member of a group.
type Member struct {
	ID       string
	Instance string          // static members: outlives the ID; "" otherwise
	Rack     string          // client.rack; "": unknown
	Topics   []model.TopicID // what it subscribes to, ascending, without doubles; ids that the Spec lacks do not count
	// Owned is what it has by the last assignment. What is not there any more,
	// is no longer subscribed to, or belongs to a member further up, does not count.
	Owned map[model.TopicID][]int32
}

// Topic is one topic that members may subscribe to.
type Topic struct {
	ID         model.TopicID
	Name       string
	Partitions int32
	// Racks are those of each partition's replicas. What is unknown matches all
	// members: nil, a partition beyond the end, an empty list.
	Racks [][]string
}

// Spec is all that an assignor looks at. Members are sorted by ID and Topics by
// name, both without doubles: whatever is left open otherwise, the first gets it.
type Spec struct {
	Members []Member
	Topics  []Topic
}
