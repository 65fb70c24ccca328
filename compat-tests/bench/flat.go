package main

// Whether what was sampled in a soak is flat. The first half of each life is
// warm-up: a broker that has just started grows into its load.

// warmed is a life without its warm-up.
func warmed(life []soaked) []soaked { return life[len(life)/2:] }

// settled are the lives in which the data does not come together any more.
func settled(lives [][]soaked) [][]soaked { return lives[2:] }

func middle(looks []soaked, of func(soaked) float64) float64 {
	vs := make([]float64, 0, len(looks))
	for _, one := range looks {
		vs = append(vs, of(one))
	}
	return quantile(vs, 0.5)
}

// withinLives is the later half of a warm life to the earlier one, by medians:
// the mean over all lives that count.
func withinLives(lives [][]soaked, of func(soaked) float64) float64 {
	sum := 0.0
	lives = settled(lives)
	for _, life := range lives {
		w := warmed(life)
		sum += middle(w[len(w)/2:], of) / middle(w[:len(w)/2], of)
	}
	return sum / float64(len(lives))
}

// acrossLives is the last life to the first that counts.
func acrossLives(lives [][]soaked, of func(soaked) float64) float64 {
	return middle(warmed(lives[len(lives)-1]), of) / middle(warmed(settled(lives)[0]), of)
}

// slope is how much a figure grows in an hour: least squares over all lives that
// count, each with a level of its own.
func slope(lives [][]soaked, of func(soaked) float64) float64 {
	var xy, xx float64
	for _, life := range settled(lives) {
		w := warmed(life)
		var x, y float64
		for _, one := range w {
			x += one.at.Sub(w[0].at).Hours() / float64(len(w))
			y += of(one) / float64(len(w))
		}
		for _, one := range w {
			dx := one.at.Sub(w[0].at).Hours() - x
			xy, xx = xy+dx*(of(one)-y), xx+dx*dx
		}
	}
	if xx == 0 {
		return 0
	}
	return xy / xx
}
