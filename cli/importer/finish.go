package importer

import (
	"context"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// finish opens the topics for producers.
func (im *Importer) finish(ctx context.Context) error {
	im.progress.begin("finish", 0, 0, len(im.parts()))
	var all []kmsg.IncrementalAlterConfigsRequestResource
	for _, t := range im.topics {
		r := alteration(t.name)
		r.Configs = append(r.Configs, change(SourceSetting, nil))
		all = append(all, r)
	}
	err := im.alter(ctx, all)
	im.finished = err == nil
	return err
}
