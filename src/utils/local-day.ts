/** The calendar day of an instant in a time zone, as `2027-01-15`: days with a clock change have 23 or 25 hours there. */
export const createLocalDay = (timezone: string): ((ms: number) => string) => {
  // By parts: how a locale orders and joins them changes between versions of its data.
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone: timezone,
    calendar: 'gregory',
    numberingSystem: 'latn',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
  })
  return (ms) => {
    const parts = Object.fromEntries(format.formatToParts(ms).map(({ type, value }) => [type, value]))
    return `${parts['year']}-${parts['month']}-${parts['day']}`
  }
}
