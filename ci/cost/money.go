package cost

import (
	"strings"

	"github.com/shopspring/decimal"
)

var currencySigns = map[string]string{"USD": "$", "EUR": "€", "GBP": "£", "JPY": "¥", "INR": "₹"}

// Money writes an amount with two decimals, more where it would otherwise round
// to nothing: $1,234.50, -$3.00, $0.0042, 12.00 CHF.
func Money(value decimal.Decimal, currency string) string {
	sign := ""
	if value.IsNegative() {
		sign = "-"
	}
	digits := grouped(decimals(value.Abs()))
	if symbol, ok := currencySigns[currency]; ok {
		return sign + symbol + digits
	}
	if currency == "" {
		return sign + digits
	}
	return sign + digits + " " + currency
}

// MoneyDiff writes an amount as a difference: +$7.30, -$3.00, $0.00.
func MoneyDiff(value decimal.Decimal, currency string) string {
	if value.IsPositive() {
		return "+" + Money(value, currency)
	}
	return Money(value, currency)
}

func decimals(value decimal.Decimal) string {
	rounded := value.StringFixed(2)
	if value.IsZero() || rounded != "0.00" {
		return rounded
	}
	if finer := value.StringFixed(6); finer != "0.000000" {
		return strings.TrimRight(finer, "0")
	}
	return "0.000001" // any smaller amount: something, but no more than that
}

func grouped(digits string) string {
	whole, fraction, _ := strings.Cut(digits, ".")
	var b strings.Builder
	for i, digit := range whole {
		if i > 0 && (len(whole)-i)%3 == 0 {
			b.WriteByte(',')
		}
		b.WriteRune(digit)
	}
	return b.String() + "." + fraction
}
