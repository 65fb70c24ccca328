package promise

import "slices"

// plant is a violation made by altering an honest reading, of two partitions at
// least, each with four records.
type plant struct {
	what  string
	alter func(got []reading, commits []int64)
}

func plants() []plant {
	return []plant{
		{"a record is lost in the middle", func(got []reading, _ []int64) {
			mid := len(got[0].records) / 2
			got[0].records = slices.Delete(got[0].records, mid, mid+1)
		}},
		{"the last record is lost", func(got []reading, _ []int64) {
			got[0].records = got[0].records[:len(got[0].records)-1]
			got[0].end--
		}},
		{"the last record is not read", func(got []reading, _ []int64) {
			got[0].records = got[0].records[:len(got[0].records)-1]
		}},
		{"all but the last record are lost", func(got []reading, _ []int64) {
			got[0].records = got[0].records[len(got[0].records)-1:]
		}},
		{"all but the last record went, as if by retention", func(got []reading, _ []int64) {
			got[0].records = got[0].records[len(got[0].records)-1:]
			got[0].start = got[0].end - 1
		}},
		{"a record is lost and its followers moved up", func(got []reading, _ []int64) {
			mid := len(got[0].records) / 2
			got[0].records = slices.Delete(got[0].records, mid, mid+1)
			for i := mid; i < len(got[0].records); i++ {
				got[0].records[i].offset--
			}
			got[0].end--
		}},
		{"a record is there twice", func(got []reading, _ []int64) {
			last := got[0].records[len(got[0].records)-1]
			last.offset++
			got[0].records = append(got[0].records, last)
			got[0].end++
		}},
		{"two records have changed places", func(got []reading, _ []int64) {
			r := got[0].records
			r[1].number, r[2].number = r[2].number, r[1].number
		}},
		{"a whole partition is lost", func(got []reading, _ []int64) { got[1] = reading{} }},
		{"a committed offset has gone back", func(_ []reading, commits []int64) { commits[0]-- }},
		{"a committed offset is lost", func(_ []reading, commits []int64) { commits[0] = none }},
		{"a committed offset ran ahead", func(_ []reading, commits []int64) { commits[0] += 1_000_000 }},
	}
}

// altered is a copy of the reading with a violation.
func (p plant) altered(got []reading, commits []int64) ([]reading, []int64) {
	got, commits = slices.Clone(got), slices.Clone(commits)
	for i := range got {
		got[i].records = slices.Clone(got[i].records)
	}
	p.alter(got, commits)
	return got, commits
}
