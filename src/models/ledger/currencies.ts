/** The currencies of ISO 4217 (2026), by the digits of their minor unit. */
const codes: Readonly<Record<number, string>> = {
  0: "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF",
  2:
    "AED AFN ALL AMD AOA ARS AUD AWG AZN BAM BBD BDT BGN BMD BND BOB BOV BRL BSD BTN BWP BYN BZD CAD CDF CHE CHF CHW " +
    "CNY COP COU CRC CUP CVE CZK DKK DOP DZD EGP ERN ETB EUR FJD FKP GBP GEL GHS GIP GMD GTQ GYD HKD HNL HTG HUF IDR " +
    "ILS INR IRR JMD KES KGS KHR KPW KYD KZT LAK LBP LKR LRD LSL MAD MDL MGA MKD MMK MNT MOP MRU MUR MVR MWK MXN MXV " +
    "MYR MZN NAD NGN NIO NOK NPR NZD PAB PEN PGK PHP PKR PLN QAR RON RSD RUB SAR SBD SCR SDG SEK SGD SHP SLE SOS SRD " +
    "SSP STN SVC SYP SZL THB TJS TMT TOP TRY TTD TWD TZS UAH USD USN UYU UZS VED VES WST XAD XCD XCG YER ZAR ZMW ZWG",
  3: "BHD IQD JOD KWD LYD OMR TND",
  4: "CLF UYW",
};

const digits: ReadonlyMap<string, number> = new Map(
  Object.entries(codes).flatMap(([count, all]) => all.split(" ").map((code) => [code, Number(count)] as const)),
);

/** The digits of the minor unit of a currency: 2 for `EUR`, 0 for `JPY`. Undefined: ISO 4217 does not have it. */
export function minorDigits(currency: string): number | undefined {
  return digits.get(currency);
}

/**
 * An amount in minor units as a decimal number, exact: 1234 in `EUR` is `12.34`.
 *
 * @throws RangeError if ISO 4217 does not have the currency.
 */
export function formatAmount(amount: number, currency: string): string {
  const fraction = digitsOf(currency);
  const text = String(Math.abs(amount)).padStart(fraction + 1, "0");
  const whole = text.slice(0, text.length - fraction);
  return `${amount < 0 ? "-" : ""}${whole}${fraction === 0 ? "" : `.${text.slice(-fraction)}`}`;
}

/**
 * The minor units of a decimal number: `12.3` in `EUR` is 1230. Undefined: it is none, has more digits than the
 * currency, or is above 2^53 − 1.
 *
 * @throws RangeError if ISO 4217 does not have the currency.
 */
export function parseAmount(text: string, currency: string): number | undefined {
  const fraction = digitsOf(currency);
  const [, sign, whole, part = ""] = /^(-?)(\d+)(?:\.(\d+))?$/.exec(text.trim()) ?? [];
  if (whole === undefined || part.length > fraction) return undefined;
  const amount = Number(whole + part.padEnd(fraction, "0"));
  if (!Number.isSafeInteger(amount)) return undefined;
  return sign === "-" && amount !== 0 ? -amount : amount;
}

function digitsOf(currency: string): number {
  const count = digits.get(currency);
  if (count === undefined) throw new RangeError(`ISO 4217 has no currency "${currency}"`);
  return count;
}
