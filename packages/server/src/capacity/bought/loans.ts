import { BUILT_IN_RUNTIME } from '@hearth/protocol';
import type { RuntimeId } from '@hearth/protocol';
import type { Clock } from '../../instances/clock.ts';
import type { Instance } from '../../instances/provider.ts';
import type { InstanceMaker, Receiver } from '../instance-maker.ts';
import type { InstanceNeed, TakenInstance } from '../capacity.ts';
import { Holding } from '../holding.ts';
import type { SubPool } from './sub-pool.ts';

/** Whoever it was made for takes it as soon as it is there, unless he has given up: then it goes back. */
const UNTAKEN_MS = 10_000;

export interface LoanOptions {
  readonly clock: Clock;
  readonly maker: Pick<InstanceMaker, 'begin' | 'isFree' | 'hurry'>;
  readonly onLog: (level: 'info' | 'warn' | 'error', message: string) => void;
  /** Has placement empty an instance without touching what runs in it. */
  readonly recall: (instance: Instance) => void;
  /** A loan is ready, or over. */
  readonly onChange: () => void;
}

/**
 * One instance's worth of reserved capacity in another account's hands. The instance is a new one, made in the memory of one that
 * waited for its owner: no instance changes hands.
 */
class Loan implements Receiver {
  readonly lender: SubPool;
  readonly holding: Holding;
  /** Undefined until it is there. */
  instance: Instance | undefined;
  /** Whether its borrower has had it. */
  taken = false;
  recalled = false;
  readonly #onMade: (loan: Loan) => void;
  readonly #onOver: (loan: Loan) => void;

  constructor(lender: SubPool, account: string, onMade: (loan: Loan) => void, onOver: (loan: Loan) => void) {
    this.lender = lender;
    this.holding = new Holding(account, 'lent', 'on-demand');
    this.holding.maxTimeoutMs = lender.purchase.lendMs;
    this.#onMade = onMade;
    this.#onOver = onOver;
  }

  made(instance: Instance): void {
    this.instance = instance;
    instance.assign(this.holding.account);
    instance.onGone(() => this.#onOver(this));
    this.#onMade(this);
  }

  failed(): void {
    this.#onOver(this);
  }
}

/**
 * Lends idle reserved capacity in a shortage, to functions only whose time-out says that it will be back within the time that the
 * purchase allows (row D6). Recalled, a loan begins nothing new, and ends with what runs in it.
 */
export class Loans implements AsyncDisposable {
  readonly #options: LoanOptions;
  readonly #loans = new Set<Loan>();

  constructor(options: LoanOptions) {
    this.#options = options;
  }

  get holdings(): Holding[] {
    return [...this.#loans].map(({ holding }) => holding);
  }

  /** A loan of this account's that is ready and was not taken yet. */
  take({ account, memoryMb, timeoutMs = Infinity }: InstanceNeed): TakenInstance | undefined {
    for (const loan of this.#loans) {
      const { holding, instance, lender } = loan;
      if (loan.taken || holding.account !== account || instance === undefined || !holding.open) continue;
      if (instance.memoryMb < memoryMb || holding.maxTimeoutMs < timeoutMs) continue;
      loan.taken = true;
      return {
        instance,
        holding,
        step: 'boot',
        reason: `no memory is left for on-demand capacity; ${lender.id} lends an idle instance`,
      };
    }
    return undefined;
  }

  /** Has an instance made for this account in the place of one that waits for its owner. Nothing happens where none may be lent. */
  lend({ account, runtime, memoryMb, timeoutMs = Infinity }: InstanceNeed, subPools: Iterable<SubPool>): void {
    if (!this.#options.maker.isFree) return;
    for (const { holding, taken } of this.#loans) if (holding.account === account && !taken) return;
    for (const lender of subPools) {
      const { purchase, extent, ready } = lender;
      if (purchase.class !== 'reserved' || purchase.account === account || ready.length === 0) continue;
      if (purchase.lendMs < timeoutMs || extent.memoryMb < memoryMb) continue;
      lender.lent++;
      lender.target--;
      lender.yieldOne('what it held is lent');
      const loan = new Loan(
        lender,
        account,
        (made) => this.#made(made),
        (over) => this.#over(over),
      );
      this.#loans.add(loan);
      const runtimes = [...new Set<RuntimeId>([BUILT_IN_RUNTIME, runtime])];
      const id = this.#options.maker.begin({ memoryMb: extent.memoryMb, runtimes, claim: 'bought' }, loan);
      if (id === undefined) this.#over(loan);
      else this.#options.maker.hurry(id);
      return;
    }
  }

  /** Its owner needs it, or nobody else does any more. */
  recall(lender: SubPool): void {
    for (const loan of this.#loans) {
      if (loan.lender !== lender || loan.recalled) continue;
      loan.recalled = true;
      loan.holding.limit = 0;
      if (loan.instance === undefined) continue;
      if (loan.taken) this.#options.recall(loan.instance);
      else this.#end(loan);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const untaken = [...this.#loans].filter(({ taken }) => !taken);
    await Promise.all(untaken.map(async ({ instance }) => instance?.[Symbol.asyncDispose]()));
  }

  #made(loan: Loan): void {
    if (loan.recalled) return this.#end(loan);
    this.#options.onChange();
    const timer = this.#options.clock.setTimer(UNTAKEN_MS, () => {
      if (!loan.taken) this.#end(loan);
    });
    loan.instance!.onGone(() => timer.cancel());
  }

  #end({ instance }: Loan): void {
    instance?.[Symbol.asyncDispose]().catch((error: Error) =>
      this.#options.onLog('error', `instance ${instance.id} could not be removed: ${error.message}`),
    );
  }

  #over(loan: Loan): void {
    if (!this.#loans.delete(loan)) return;
    loan.lender.lent--;
    this.#options.onChange();
  }
}
