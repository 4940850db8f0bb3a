import type { Costs } from "./costs.ts";
import type { ShellPorts } from "./ports.ts";

/**
 * The same ports. What is begun by them keeps the object from hibernating until it is over, and counts as active. Calls are
 * not watched, except for those that send effects, which can take long and that nothing else waits for.
 */
export function watchedPorts(ports: ShellPorts, costs: Costs): ShellPorts {
  const { effects } = ports;
  const endedBy = (begun: (run: () => void) => () => void, run: () => void) => {
    const end = costs.begin();
    const cancel = begun(() => {
      end();
      run();
    });
    return () => {
      end();
      cancel();
    };
  };
  const during = async <T>(call: Promise<T>): Promise<T> => await call.finally(costs.begin());
  return {
    ...ports,
    timer: (run, delayMs) => endedBy((ended) => ports.timer(ended, delayMs), run),
    afterIo(run) {
      endedBy((ended) => {
        ports.afterIo(ended);
        return () => {};
      }, run);
    },
    every(run, periodMs) {
      const [end, cancel] = [costs.begin(), ports.every(run, periodMs)];
      return () => {
        end();
        cancel();
      };
    },
    armAlarm(at) {
      costs.alarmSet();
      return ports.armAlarm(at);
    },
    effects: effects && {
      submit: (partition, rows) => during(effects.submit(partition, rows)),
      enqueue: (queue, messages) => during(effects.enqueue(queue, messages)),
      webhooks: (rows, to) => during(effects.webhooks(rows, to)),
    },
  };
}
