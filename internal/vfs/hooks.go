package vfs

// FailNth fails the n-th operation (from 1) that matches k.
func FailNth(n int64, k Kind, err error) Hook {
	return func(op Op) error {
		if op.Is(k) && op.N(k) == n {
			return err
		}
		return nil
	}
}

// FailFrom fails the n-th operation that matches k, and all later ones.
func FailFrom(n int64, k Kind, err error) Hook {
	return func(op Op) error {
		if op.Is(k) && op.N(k) >= n {
			return err
		}
		return nil
	}
}

// ShortNth lets the n-th write write only its first bytes.
func ShortNth(n int64, bytes int, err error) Hook {
	return FailNth(n, KindWrite, &Short{Bytes: bytes, Err: err})
}

// CallNth calls f before the n-th operation that matches k: a slow disk, or a
// look at it at that moment.
func CallNth(n int64, k Kind, f func(Op)) Hook {
	return func(op Op) error {
		if op.Is(k) && op.N(k) == n {
			f(op)
		}
		return nil
	}
}

// CrashAt lets nothing pass from the n-th change on, as if the process died in
// it: of a write the first prefix bytes arrive. Follow it with Kill or
// PowerCut of the Mem below.
func CrashAt(n int64, prefix int) Hook {
	return func(op Op) error {
		switch at := op.N(AnyChange); {
		case at < n:
			return nil
		case at == n && op.Kind == KindWrite:
			return &Short{Bytes: prefix, Err: ErrDead}
		default:
			return ErrDead
		}
	}
}

// Hooks asks each hook in order; the first error counts.
func Hooks(hooks ...Hook) Hook {
	return func(op Op) error {
		for _, h := range hooks {
			if err := h(op); err != nil {
				return err
			}
		}
		return nil
	}
}
