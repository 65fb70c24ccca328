package server

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/mainstem-mq/mainstem/internal/words"
	"github.com/mainstem-mq/mainstem/protocol"
)

func groupStates() []string {
	return []string{"Empty", "Stable", "PreparingRebalance", "CompletingRebalance", "Assigning", "Reconciling"}
}

func groupTypes() []string { return []string{"classic", kindConsumer} }

// taking serves requests whose queries have these parameters, or some of them,
// once each: one that is mistyped must not be taken for one that was left out.
func (s *Server) taking(next http.HandlerFunc, parameters ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if err := checkQuery(r.URL.RawQuery, parameters); err != nil {
			s.apiFailed(w, err)
			return
		}
		next(w, r)
	}
}

func checkQuery(raw string, parameters []string) error {
	query, err := url.ParseQuery(raw)
	if err != nil {
		return protocol.Errorf(protocol.InvalidRequest, "the query: %v", err)
	}
	for _, name := range slices.Sorted(maps.Keys(query)) {
		switch {
		case len(parameters) == 0:
			return protocol.Errorf(protocol.InvalidRequest, "there is no parameter %s: this takes none", words.Quoted(name))
		case !slices.Contains(parameters, name):
			return protocol.Errorf(protocol.InvalidRequest, "there is no parameter %s: it must be of %s", words.Quoted(name), strings.Join(parameters, ", "))
		case len(query[name]) > 1:
			return protocol.Errorf(protocol.InvalidRequest, "the parameter %s is there twice", name)
		}
	}
	return nil
}

// listed reads a list with commas of known values, in any case; none stands for
// all. An unknown one is refused: "there are no such groups" reads as all well.
func listed(name, list string, known []string) ([]string, error) {
	if list == "" {
		return known, nil
	}
	var wanted []string
	for item := range strings.SplitSeq(list, ",") {
		item = strings.TrimSpace(item)
		i := slices.IndexFunc(known, func(value string) bool { return strings.EqualFold(item, value) })
		if i < 0 {
			return nil, protocol.Errorf(protocol.InvalidRequest, "%s %s is not known: it must be of %s", name, words.Quoted(item), strings.Join(known, ", "))
		}
		wanted = append(wanted, known[i])
	}
	return wanted, nil
}
