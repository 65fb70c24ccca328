package main

import "time"

// flatness tells whether what was sampled in a soak is flat. A broker that has
// just started grows into its load: page tables, rings and caches fill, and the
// log comes to hold what this life has appended. So a life warms up first, and
// growth is looked for in the last life, the long one, behind its warm-up.
type flatness struct {
	lives [][]soaked
	warm  time.Duration // At a life's begin; half of a life at most.
}

// figure is one of what is looked at.
type figure func(soaked) float64

func anonOf(s soaked) float64       { return s.anon }
func filesOf(s soaked) float64      { return s.files }
func goroutinesOf(s soaked) float64 { return s.goroutines }

// acrossFirst is the first life that the last one is compared with: data comes
// together in those before.
const acrossFirst = 2

// metrics are what there are looks enough for.
func (f flatness) metrics() sample {
	out := sample{}
	for _, one := range []struct {
		of                     figure
		within, across, anHour string
	}{
		{anonOf, mSoakAnon, mSoakAnonLives, mSoakSlope},
		{filesOf, mSoakFiles, mSoakFilesLives, mSoakFilesSlope},
		{goroutinesOf, mSoakGo, mSoakGoLives, mSoakGoSlope},
	} {
		put := func(metric string, v float64, ok bool) {
			if ok {
				out[metric] = v
			}
		}
		v, ok := f.within(one.of)
		put(one.within, v, ok)
		v, ok = f.across(one.of)
		put(one.across, v, ok)
		v, ok = f.slope(one.of)
		put(one.anHour, v, ok)
	}
	return out
}

// long is the last life behind its warm-up.
func (f flatness) long() []soaked {
	if len(f.lives) == 0 {
		return nil
	}
	last := f.lives[len(f.lives)-1]
	if len(last) == 0 {
		return nil
	}
	return aged(last, min(f.warm, age(last, len(last)-1)/2), age(last, len(last)-1))
}

// within is the later half of the long life to the earlier one, by medians.
func (f flatness) within(of figure) (float64, bool) {
	w := f.long()
	return quotient(w[len(w)/2:], w[:len(w)/2], of)
}

// across is the last life to the third at the same age, by medians.
func (f flatness) across(of figure) (float64, bool) {
	if len(f.lives) <= acrossFirst+1 {
		return 0, false
	}
	first, last := f.lives[acrossFirst], f.lives[len(f.lives)-1]
	if len(first) == 0 || len(last) == 0 {
		return 0, false
	}
	to := age(first, len(first)-1)
	return quotient(aged(last, to/2, to), aged(first, to/2, to), of)
}

// slope is how much a figure grows in an hour: least squares over the long life.
func (f flatness) slope(of figure) (float64, bool) {
	w := f.long()
	var x, y, xy, xx float64
	for i, one := range w {
		x += age(w, i).Hours() / float64(len(w))
		y += of(one) / float64(len(w))
	}
	for i, one := range w {
		dx := age(w, i).Hours() - x
		xy, xx = xy+dx*(of(one)-y), xx+dx*dx
	}
	if xx == 0 {
		return 0, false
	}
	return xy / xx, true
}

// age is how long after the first look another one was.
func age(looks []soaked, i int) time.Duration { return looks[i].at.Sub(looks[0].at) }

// aged are the looks at so old a life, both ends included.
func aged(life []soaked, from, to time.Duration) (out []soaked) {
	for i, one := range life {
		if a := age(life, i); a >= from && a <= to {
			out = append(out, one)
		}
	}
	return out
}

// quotient is one median to another.
func quotient(later, earlier []soaked, of figure) (float64, bool) {
	if len(later) == 0 || len(earlier) == 0 {
		return 0, false
	}
	before := middle(earlier, of)
	if before == 0 {
		return 0, false
	}
	return middle(later, of) / before, true
}

func middle(looks []soaked, of figure) float64 {
	vs := make([]float64, 0, len(looks))
	for _, one := range looks {
		vs = append(vs, of(one))
	}
	return quantile(vs, 0.5)
}
