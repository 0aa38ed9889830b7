import type { Caller } from '../../service.ts';
import type { LambdaPorts } from '../service.ts';

/** What an operation works with. */
export type Context = Caller & LambdaPorts;

/** From an input that has been checked against AWS's model to an output in the SDK's form. */
export type Handler<Input, Output> = (input: Input, context: Context) => Output | Promise<Output>;
