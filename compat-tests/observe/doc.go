// Package observe looks at topics from outside, over kills of the broker: what is read
// of them as committed, and where their last stable offsets are.
//
// Files in reading order: committed.go (a reader), stands.go (what may not be seen of
// last stable offsets), stable.go (who looks at them), crew.go (who do all that side by
// side); stands_test.go plants what must be found.
package observe
