/** What is wrong with a command, as one sentence for its user. `exitCode`: 2 for wrong parameters. */
export class Mistake extends Error {
  override name = "Mistake";
  readonly exitCode: number;

  constructor(message: string, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
