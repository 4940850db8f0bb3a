import type { Costs } from "./costs.ts";
import type { EffectPorts, MetricsPorts, ShellPorts } from "./ports.ts";

/** The same ports. What is begun by them keeps the object from hibernating until it is over, and counts as active. */
export function watchedPorts(ports: ShellPorts, metrics: MetricsPorts, costs: Costs): ShellPorts {
  const { effects, signHead, tenant } = ports;
  return {
    ...ports,
    timer(run, delayMs) {
      const end = costs.begin();
      const cancel = ports.timer(() => {
        end();
        run();
      }, delayMs);
      return () => {
        end();
        cancel();
      };
    },
    afterIo(run) {
      const end = costs.begin();
      ports.afterIo(() => {
        end();
        run();
      });
    },
    every(run, periodMs) {
      const end = costs.begin();
      const cancel = ports.every(run, periodMs);
      return () => {
        end();
        cancel();
      };
    },
    armAlarm(at) {
      costs.alarmSet();
      return ports.armAlarm(at);
    },
    effects: {
      submit: (...call: Parameters<EffectPorts["submit"]>) => costs.during(() => effects.submit(...call)),
      enqueue: (...call: Parameters<EffectPorts["enqueue"]>) => costs.during(() => effects.enqueue(...call)),
      webhooks: (...call: Parameters<EffectPorts["webhooks"]>) => costs.during(() => effects.webhooks(...call)),
    },
    tenant: tenant && {
      attend: (asked) => costs.during(() => tenant.attend(asked)),
      claim: (asked) => costs.during(() => tenant.claim(asked)),
      grant: (asked) => costs.during(() => tenant.grant(asked)),
    },
    signHead: signHead && ((head) => costs.during(() => signHead(head))),
    verify: (token, now) => costs.during(() => ports.verify(token, now)),
    metrics: { ...metrics, report: (report) => costs.during(() => metrics.report(report)) },
  };
}
