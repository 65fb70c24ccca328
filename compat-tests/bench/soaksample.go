package main

import (
	"context"
	"maps"
	"slices"

	"github.com/twmb/franz-go/pkg/kadm"
)

// sizes are the bytes of topics as the broker has them.
func (s *stand) sizes(topics ...string) (n float64, err error) {
	err = s.admin(func(ctx context.Context, adm *kadm.Client) error {
		dirs, err := adm.DescribeAllLogDirs(ctx, nil)
		if err != nil {
			return err
		}
		dirs.Each(func(d kadm.DescribedLogDir) {
			for _, t := range topics {
				for _, p := range d.Topics[t] {
					n += float64(p.Size)
				}
			}
		})
		return nil
	})
	return n, err
}

// flatness is that of what there is so far. A life is warm when all that its
// log holds was appended in it.
func (k *soak) flatness() flatness { return flatness{lives: k.lives, warm: k.settled} }

// sample is what the soak has shown so far.
func (k *soak) sample() sample {
	out := k.flatness().metrics()
	var space []sample
	for _, one := range slices.Concat(k.lives...) {
		if one.space != nil {
			space = append(space, one.space)
		}
		out[mPeakAnon], out[mFiles] = max(out[mPeakAnon], one.anon), max(out[mFiles], one.files)
	}
	maps.Copy(out, mean(space))
	if most, ok := spreadOf(space, mSpace); ok {
		out[mSpaceMost] = most.most
	}
	if len(k.dues) > 0 {
		out[mDue] = slices.Min(k.dues)
	}
	if len(k.starts) > 0 {
		out[mStartKill] = slices.Max(k.starts)
	}
	out[mChecked], out[mMinutes] = float64(k.ledger.Total()), k.loaded.Minutes()
	return out
}
