package doctor

// Mark is how a check ended.
type Mark string

// Marks.
const (
	OK         Mark = "ok"
	Warning    Mark = "warning"
	Failure    Mark = "failure"
	NotChecked Mark = "not checked"
)

// Finding is what one check found.
type Finding struct {
	Check string `json:"check"`
	Mark  Mark   `json:"mark"`
	Text  string `json:"text"`
	Means string `json:"means,omitempty"` // for who connects
	Next  string `json:"next,omitempty"`  // what to do about it
}

// Report is all that was found, in the order of the checks.
type Report struct {
	Address   string    `json:"address"`
	TLS       bool      `json:"tls"` // it was looked at through TLS
	ClusterID string    `json:"clusterId,omitempty"`
	Failures  int       `json:"failures"`
	Warnings  int       `json:"warnings"`
	Findings  []Finding `json:"findings"`
}

// find takes a finding down.
func (e *exam) find(f Finding) {
	switch f.Mark {
	case Failure:
		e.report.Failures++
	case Warning:
		e.report.Warnings++
	case OK, NotChecked:
	}
	e.report.Findings = append(e.report.Findings, f)
	if e.cfg.Told != nil {
		e.cfg.Told(f)
	}
}

func (e *exam) ok(check, text string) { e.find(Finding{Check: check, Mark: OK, Text: text}) }

func (e *exam) notChecked(check, text string) {
	e.find(Finding{Check: check, Mark: NotChecked, Text: text})
}
