import { bSync, bThread, on } from 'plaited'

const dollars = ['USD', 'USDC']

/** No single payment is over 5 USD, and none is made in another currency. */
export const blockLargePayments = bThread(
  [
    bSync({
      block: on(
        'permission:payment:send',
        ({ detail }) => parseFloat(detail.amount) > 5 || !dollars.includes(detail.currency),
      ),
    }),
  ],
  true,
)
