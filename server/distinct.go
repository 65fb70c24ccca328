package server

import "slices"

// distinct keeps the first of elements with the same key. Handlers whose
// answer to an element can be far larger than the element use it: without it a
// request of a few kilobytes that names one big topic again and again would
// make the broker build gigabytes. No client asks twice on purpose.
func distinct[T any, K comparable](list []T, key func(T) K) []T {
	if len(list) < 2 {
		return list
	}
	seen := make(map[K]struct{}, len(list))
	return slices.DeleteFunc(list, func(e T) bool {
		k := key(e)
		_, again := seen[k]
		seen[k] = struct{}{}
		return again
	})
}

// itself is the key of elements that are compared as they are.
func itself[T comparable](e T) T { return e }

// mapped makes an answer's list from a request's.
func mapped[From, To any](list []From, f func(From) To) []To {
	out := make([]To, len(list))
	for i := range list {
		out[i] = f(list[i])
	}
	return out
}
