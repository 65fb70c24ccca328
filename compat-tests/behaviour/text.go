package behaviour

import (
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"

	"github.com/twmb/franz-go/pkg/kmsg"
)

// requestFor makes a request by its API's name with default fields.
func requestFor(name string, version int16) (kmsg.Request, error) {
	for key := range int16(kmsg.MaxKey + 1) {
		if kmsg.NameForKey(key) == name {
			req := kmsg.RequestForKey(key)
			setDefaults(reflect.ValueOf(req).Elem())
			req.SetVersion(version)
			return req, nil
		}
	}
	return nil, fmt.Errorf("no API is named %q", name)
}

// parse fills a request from JSON: fields by kmsg's names, absent ones at their
// defaults; a string "$name" is the saved value of that name.
func (w *talk) parse(req kmsg.Request, text string) error {
	if strings.TrimSpace(text) == "" {
		return nil
	}
	dec := json.NewDecoder(strings.NewReader(text))
	dec.UseNumber()
	var data any
	if err := dec.Decode(&data); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	if err := w.fill(reflect.ValueOf(req).Elem(), data); err != nil {
		return fmt.Errorf("body: %w", err)
	}
	return nil
}

func setDefaults(v reflect.Value) {
	if d, ok := v.Addr().Interface().(interface{ Default() }); ok {
		d.Default()
	}
}

func (w *talk) fill(v reflect.Value, data any) error {
	if s, ok := data.(string); ok && strings.HasPrefix(s, "$") {
		saved, ok := w.saved[s[1:]]
		if !ok {
			return fmt.Errorf("nothing is saved as %s", s)
		}
		if saved.Kind() == reflect.Pointer && !saved.IsNil() {
			saved = saved.Elem()
		}
		if v.Kind() == reflect.Pointer {
			v.Set(reflect.New(v.Type().Elem()))
			v = v.Elem()
		}
		if !saved.CanConvert(v.Type()) {
			return fmt.Errorf("%s is %v, want %v", s, saved.Type(), v.Type())
		}
		v.Set(saved.Convert(v.Type()))
		return nil
	}
	switch v.Kind() {
	case reflect.Struct:
		return w.fillStruct(v, data)
	case reflect.Pointer:
		if data == nil {
			v.SetZero()
			return nil
		}
		v.Set(reflect.New(v.Type().Elem()))
		if v.Elem().Kind() == reflect.Struct {
			setDefaults(v.Elem())
		}
		return w.fill(v.Elem(), data)
	case reflect.Slice, reflect.Array:
		return w.fillList(v, data)
	default:
		// Not through the type's own decoder: enums want names there.
		if n, ok := data.(json.Number); ok && v.CanInt() {
			i, err := n.Int64()
			v.SetInt(i)
			return err
		}
		text, err := json.Marshal(data)
		if err != nil {
			return err
		}
		return json.Unmarshal(text, v.Addr().Interface())
	}
}

func (w *talk) fillStruct(v reflect.Value, data any) error {
	fields, ok := data.(map[string]any)
	if !ok {
		return fmt.Errorf("%v wants an object", v.Type())
	}
	for name, value := range fields {
		f := v.FieldByName(name)
		if !f.IsValid() {
			return fmt.Errorf("%v has no field %s", v.Type(), name)
		}
		if err := w.fill(f, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// fillList takes an array, null, or for bytes text or 0x and hex digits.
func (w *talk) fillList(v reflect.Value, data any) error {
	switch data := data.(type) {
	case nil:
		v.SetZero()
		return nil
	case string:
		b := []byte(data)
		if digits, ok := strings.CutPrefix(data, "0x"); ok {
			var err error
			if b, err = hex.DecodeString(digits); err != nil {
				return err
			}
		}
		if v.Kind() == reflect.Array {
			if reflect.Copy(v, reflect.ValueOf(b)) != v.Len() {
				return errors.New("too few bytes")
			}
			return nil
		}
		v.SetBytes(b)
		return nil
	case []any:
		list := reflect.MakeSlice(v.Type(), len(data), len(data))
		for i, d := range data {
			if list.Index(i).Kind() == reflect.Struct {
				setDefaults(list.Index(i))
			}
			if err := w.fill(list.Index(i), d); err != nil {
				return fmt.Errorf("%d: %w", i, err)
			}
		}
		v.Set(list)
		return nil
	}
	return fmt.Errorf("%v cannot be %T", v.Type(), data)
}

// lookup finds a field by a path as Topics.0.TopicID.
func lookup(v reflect.Value, path string) (reflect.Value, error) {
	for part := range strings.SplitSeq(path, ".") {
		for v.Kind() == reflect.Pointer {
			v = v.Elem()
		}
		switch v.Kind() {
		case reflect.Struct:
			v = v.FieldByName(part)
		case reflect.Slice:
			var i int
			if _, err := fmt.Sscan(part, &i); err != nil || i >= v.Len() {
				return v, fmt.Errorf("no element %s of %d in %s", part, v.Len(), path)
			}
			v = v.Index(i)
		default:
			return v, fmt.Errorf("%s: nothing below %v", path, v.Kind())
		}
		if !v.IsValid() {
			return v, fmt.Errorf("no field %s in %s", part, path)
		}
	}
	return v, nil
}
