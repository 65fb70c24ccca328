package protocol

func guard(Key, int16, []byte) error { return nil }
