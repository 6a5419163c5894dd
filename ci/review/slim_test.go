package review

import (
	"encoding/json"
	"fmt"
	"reflect"
	"runtime"
	"strings"
	"testing"
	"time"
)

// What slim leaves is the same plan without the state; what is no JSON stays.
func TestSlim(t *testing.T) {
	for _, name := range []string{"everything", "aws", "destroy", "nochange", "scale"} {
		data := recorded(t, "plans/"+name+".json")
		whole, part := decode(t, data), decode(t, slim(data))
		for key := range whole {
			if key != "planned_values" && key != "prior_state" && !reflect.DeepEqual(whole[key], part[key]) {
				t.Errorf("%s: %s is another", name, key)
			}
		}
		if part["planned_values"] != nil || part["prior_state"] != nil {
			t.Errorf("%s: the state is still there", name)
		}
	}
	for text, want := range map[string]string{
		``: ``, `{`: `{`, `[]`: `[]`, `{"prior_state"`: `{"prior_state"`, `{"prior_state":{}}`: `{"prior_state":{}}`,
		`{"prior_state":{"a":"}\"{"},"b":1}`:                               `{"b":1}`,
		`{ "x" : [1,{"prior_state":2}] , "prior_state" : "," , "y":"\\" }`: `{ "x" : [1,{"prior_state":2}] , "y":"\\" }`,
		`{"planned_values":1,"prior_state":null,"b":1}`:                    `{"b":1}`,
		`{"prior_state":{,"b":1}`:                                          `{"prior_state":{,"b":1}`,
	} {
		if got := string(slim([]byte(text))); got != want {
			t.Errorf("slim(%s) = %s, want %s", text, got, want)
		}
	}
}

// large is the JSON of a plan that changes count resources of 10 KB each, with their
// state, as Terraform writes it.
func large(t testing.TB, count int) []byte {
	t.Helper()
	var changes, values strings.Builder
	for i := range count {
		comma := map[bool]string{true: ","}[i > 0]
		attributes := func(size string) string {
			return fmt.Sprintf(`{"id":"i-%d","size":%q,"policy":"%s","tags":{"n":"%d"},"list":[1,2,{"a":"b"}],"arn":"arn:%d"}`, i, size, strings.Repeat("p", 3200), i, i)
		}
		fmt.Fprintf(&changes, `%s{"address":"aws_thing.x[%d]","mode":"managed","type":"aws_thing","name":"x","index":%d,"provider_name":"registry.terraform.io/hashicorp/aws","change":{"actions":["update"],"before":%s,"after":%s,"after_unknown":{"tags":{},"list":[false,false,{}]},"before_sensitive":{"tags":{},"list":[false,false,{}]},"after_sensitive":{"tags":{},"list":[false,false,{}]}}}`,
			comma, i, i, attributes("s"), attributes("m"))
		fmt.Fprintf(&values, `%s{"address":"aws_thing.x[%d]","mode":"managed","type":"aws_thing","name":"x","index":%d,"values":%s}`, comma, i, i, attributes("m"))
	}
	text := fmt.Sprintf(`{"format_version":"1.2","terraform_version":"1.11.4","planned_values":{"root_module":{"resources":[%s]}},"resource_changes":[%s],"prior_state":{"format_version":"1.0","values":{"root_module":{"resources":[%s]}}},"timestamp":"x"}`,
		values.String(), changes.String(), values.String())
	if !json.Valid([]byte(text)) {
		t.Fatal("no JSON")
	}
	return []byte(text)
}

// BenchmarkLargePlans reads, summarises and binds plans. Its memory is what the process
// has more of at its end than before, the text of the plan left out.
func BenchmarkLargePlans(b *testing.B) {
	for _, count := range []int{2000, 10000} {
		b.Run(fmt.Sprint(count), func(b *testing.B) {
			data := large(b, count)
			for b.Loop() {
				runtime.GC()
				var before, after runtime.MemStats
				runtime.ReadMemStats(&before)
				began := time.Now()
				plan, err := ParsePlan(data)
				if err != nil {
					b.Fatal(err)
				}
				o := Observe(plan, extra)
				summary := Summarize(plan)
				b.ReportMetric(time.Since(began).Seconds(), "s/plan")
				runtime.ReadMemStats(&after)
				b.ReportMetric(float64(after.Sys-before.Sys)/1e6, "MB-more")
				if len(o.Effects) != count || len(summary.Resources) != count {
					b.Fatal(len(o.Effects))
				}
			}
		})
	}
}
