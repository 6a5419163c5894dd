package cost

import (
	"testing"

	"github.com/shopspring/decimal"
)

func TestMoney(t *testing.T) {
	tests := []struct{ value, currency, want, diff string }{
		{"0", "USD", "$0.00", "$0.00"},
		{"7.3", "USD", "$7.30", "+$7.30"},
		{"-3", "EUR", "-€3.00", "-€3.00"},
		{"1234567.895", "GBP", "£1,234,567.90", "+£1,234,567.90"},
		{"12", "CHF", "12.00 CHF", "+12.00 CHF"},
		{"0.0042", "USD", "$0.0042", "+$0.0042"},
		{"-0.0000000001", "USD", "-$0.000001", "-$0.000001"},
		{"0.1", "", "0.10", "+0.10"},
		{"100000", "USD", "$100,000.00", "+$100,000.00"},
	}
	for _, test := range tests {
		value := decimal.RequireFromString(test.value)
		if got := Money(value, test.currency); got != test.want {
			t.Errorf("Money(%s %s) = %s, want %s", test.value, test.currency, got, test.want)
		}
		if got := MoneyDiff(value, test.currency); got != test.diff {
			t.Errorf("MoneyDiff(%s %s) = %s, want %s", test.value, test.currency, got, test.diff)
		}
	}
}
