package main

// runSyncAsync compares producing with a sync before every acknowledgement and
// without, everything else alike.
func runSyncAsync(s *stand) (sample, error) {
	if err := s.createRow(); err != nil {
		return nil, err
	}
	async, _, err := s.make(s.row.topics, s.row.partitions, pageCacheOnBoth()[s.target])
	if err != nil {
		return nil, err
	}
	l := s.scaled(s.row.load)
	lazy := l
	lazy.Topics = async
	for _, first := range []load{l, lazy} {
		first.Records /= 2 * sides
		if _, err := s.runChild(first); err != nil {
			return nil, err
		}
	}
	synced, cached, err := s.compare(l, lazy)
	if err != nil {
		return nil, err
	}
	synced[mAsyncRate], synced[mAsyncPer] = cached[mRate], cached[mPerBatch]
	synced[mToAsync] = synced[mRate] / cached[mRate]
	return synced, nil
}
