package coordinator

import "github.com/mainstem-mq/mainstem/internal/model"

// duty is what a member of a consumer group shall come to, and what is known of
// where it is. Every partition has to be given up by its member before another
// may have it, so most members come to their target in several steps.
type duty struct {
	epoch  int32      // of the target
	target partitions // what the member shall own in the end
	owned  partitions // what it says that it owns now
	told   bool       // whether it says so at all
	// coming is what it was told to take and never showed: it may do so at any moment,
	// until it hears of an assignment without that.
	coming partitions
	// free reports whether nobody else holds a partition.
	free func(model.TopicID, int32) bool
	// subscribed reports whether a topic exists and the member subscribes to it.
	subscribed func(model.TopicID) bool
}

// reconcile takes a member one step towards its target:
//
//   - what it has and shall not keep is taken away first, and until the member
//     shows that it has let go of that (unrevoked) it stays in its epoch;
//   - then it comes to the target's epoch with what it keeps and what is free by
//     then; if that is not all, it waits for others (unreleased).
//
// It is a pure function, and applied to its own result with the same duty it
// changes nothing more.
func reconcile(cur memberCurrent, d duty) memberCurrent {
	switch {
	case cur.state == memberStable && cur.epoch == d.epoch && cur.assigned.all(d.subscribed):
		return cur
	case cur.state == memberUnrevoked && d.holds(cur.revoking):
		if dropped := cur.assigned.without(d.subscribed); len(dropped) > 0 {
			cur.assigned, cur.revoking = cur.assigned.minus(dropped), cur.revoking.or(dropped)
		}
		return cur
	}
	target := d.target.minus(d.target.without(d.subscribed))
	keep := cur.assigned.and(target)
	if revoke := cur.assigned.minus(keep); len(revoke) > 0 && d.holds(revoke) {
		cur.state, cur.assigned, cur.revoking = memberUnrevoked, keep, revoke
		return cur
	}
	want := target.minus(keep)
	ready := want.filter(d.free)
	next := memberCurrent{epoch: d.epoch, previous: cur.previous, assigned: keep.or(ready)}
	if next.epoch != cur.epoch {
		next.previous = cur.epoch
	}
	if ready.count() < want.count() {
		next.state = memberUnreleased
	}
	return next
}

// holds reports whether the member may still own one of these, or is about to: it
// says so, or does not say, or was told to take it and has not shown that it did. A
// client that repeats itself after an error says what it owned when it heard of the
// last assignment, and takes that meanwhile.
func (d *duty) holds(set partitions) bool {
	return !d.told || len(d.owned.and(set)) > 0 || len(d.coming.and(set)) > 0
}

// unshown is what a member was told and has not shown that it heard.
type unshown struct {
	coming partitions // what it was told to take
	// denied is whether it said, unbelieved, that it owns nothing of what it has to
	// give up; owned is what it said then.
	denied bool
	owned  partitions
}

// unshownAfter is what the member has yet to show when it has heard the answer to
// this step. It may take what it shall have and did not say that it has.
func (d *duty) unshownAfter(before, next *memberCurrent) unshown {
	if !d.told {
		return unshown{coming: d.coming.and(next.assigned).or(next.assigned.minus(before.assigned))}
	}
	u := unshown{coming: next.assigned.minus(d.owned)}
	if next.state == memberUnrevoked && len(d.owned.and(next.revoking)) == 0 {
		u.denied, u.owned = true, d.owned
	}
	return u
}

func (c *memberCurrent) equal(o *memberCurrent) bool {
	return c.epoch == o.epoch && c.previous == o.previous && c.state == o.state &&
		c.assigned.equal(o.assigned) && c.revoking.equal(o.revoking)
}
