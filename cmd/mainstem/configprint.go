package main

import (
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"github.com/mainstem-mq/mainstem/cluster"
)

func newConfig(p process) *cobra.Command {
	c := &cobra.Command{Use: "config", Short: "Look at the configuration", Args: cobra.NoArgs, RunE: help}
	c.AddCommand(newConfigPrint(p))
	return c
}

const configPrintLong = `Print the settings that "mainstem serve" would use with the same flags, each with
its value and where the value comes from. Only what differs from the default is
shown, or with --all everything, with units and meanings, and whether it can be
changed while the broker runs (CHANGE "running") or needs a restart.

What was changed while the broker ran is stored in its data directory and is
not shown here; ask the running broker with kafka-configs --describe.`

func newConfigPrint(p process) *cobra.Command {
	var (
		o      options
		all    bool
		output string
	)
	c := &cobra.Command{
		Use:   "print",
		Short: "Print each setting, its value and its source",
		Long:  configPrintLong,
		Example: `  mainstem config print
  mainstem config print --all --config server.properties
  mainstem config print -o json --set num.partitions=6`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkOutput(output); err != nil {
				return err
			}
			cfg, err := o.load(p.environ, os.Hostname)
			if err != nil {
				return err
			}
			for _, w := range cfg.Warnings {
				if err := printf(cmd.ErrOrStderr(), "warning: %s\n", w); err != nil {
					return err
				}
			}
			settings := settingsOf(cfg, all)
			if output == outputJSON {
				return printJSON(cmd.OutOrStdout(), settings)
			}
			return printSettings(cmd.OutOrStdout(), settings, all)
		},
	}
	o.register(c.Flags())
	c.Flags().BoolVar(&all, "all", false, "print the settings that have their default, too")
	registerOutput(c, &output)
	return c
}

// effectNote stands behind the source of what is not simply obeyed.
func effectNote(d *cluster.ConfigDef) string {
	switch d.Effect {
	case cluster.Hint:
		if d.Refuse != nil {
			return " (refused)"
		}
		return withoutEffect
	case cluster.CompactedOnly:
		return " (for compacted topics only)"
	case cluster.Obeyed:
	}
	return ""
}

const withoutEffect = " (without effect)"

// setting is one line of the output.
type setting struct {
	Name    string  `json:"name"`
	Value   *string `json:"value"` // null: not set and without a default
	Source  string  `json:"source"`
	Default *string `json:"default,omitempty"`
	Unit    string  `json:"unit,omitempty"`
	Effect  bool    `json:"effect"`  // false: accepted, and ignored
	Dynamic bool    `json:"dynamic"` // can be changed while the broker runs
	Doc     string  `json:"documentation,omitempty"`
	note    string
}

const sourceDefault = "default"

func settingsOf(cfg Config, all bool) []setting {
	out := make([]setting, 0, len(cfg.Values))
	shown := make(map[string]bool)
	for _, v := range cfg.Resolver.DescribeBroker(&cluster.Image{}) {
		given, isGiven := cfg.Values[v.Def.Name]
		if !isGiven && !all {
			continue
		}
		s := setting{
			Name: v.Def.Name, Value: v.Value, Source: sourceDefault,
			Unit: v.Def.Unit(), Effect: v.Def.Effect != cluster.Hint, Dynamic: v.Def.Alterable(),
			Doc: v.Def.Documentation(), note: effectNote(v.Def),
		}
		if !v.Def.Null {
			d := v.Def.Default
			s.Default = &d
		}
		if isGiven {
			s.Source = given.Source
		}
		if v.Def.Sensitive() {
			hidden := "[hidden]"
			s.Value = &hidden
		}
		out = append(out, s)
		shown[s.Name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(cfg.Values)) {
		if !shown[name] { // a name of Kafka's that means nothing here
			hidden := "[not shown]"
			out = append(out, setting{Name: name, Value: &hidden, Source: cfg.Values[name].Source, note: withoutEffect})
		}
	}
	slices.SortFunc(out, func(a, b setting) int { return strings.Compare(a.Name, b.Name) })
	return out
}

// printSettings prints a table, with what each setting means if all are asked
// for.
func printSettings(w io.Writer, settings []setting, all bool) error {
	if len(settings) == 0 {
		return printf(w, "every setting has its default; --all shows them\n")
	}
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	head, meaning := "NAME\tVALUE\tSOURCE\n", ""
	if all {
		head = "NAME\tVALUE\tSOURCE\tCHANGE\tUNIT\tMEANING\n"
	}
	if err := printf(t, "%s", head); err != nil {
		return err
	}
	for _, s := range settings {
		value := "-"
		if s.Value != nil {
			value = *s.Value
		}
		if all {
			meaning = "\t" + changeText(s.Dynamic) + "\t" + s.Unit + "\t" + s.Doc
		}
		if err := printf(t, "%s\t%s\t%s%s%s\n", s.Name, value, s.Source, s.note, meaning); err != nil {
			return err
		}
	}
	if err := t.Flush(); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}

// changeText says what it takes to change a setting.
func changeText(dynamic bool) string {
	if dynamic {
		return "running"
	}
	return "restart"
}

// The forms of output.
const (
	outputTable = "table"
	outputJSON  = "json"
)

func registerOutput(c *cobra.Command, output *string) {
	c.Flags().StringVarP(output, "output", "o", outputTable, "`FORM` of the output: table or json")
}

func checkOutput(output string) error {
	if output != outputTable && output != outputJSON {
		return usageError{fmt.Errorf("-o %s: must be table or json", output)}
	}
	return nil
}

func printJSON(w io.Writer, v any) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return fmt.Errorf("write output: %w", err)
	}
	return nil
}
