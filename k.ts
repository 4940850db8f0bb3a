import { WeighedState } from "./src/model/weighed-state.ts";
import { State } from "./src/model/state.ts";
const n = 100000;
for (const S of [State, WeighedState] as any[]) {
  gc();
  const b = process.memoryUsage().heapUsed;
  const s = new S({ at: {} }) as any;
  for (let i = 0; i < n; i += 4000) {
    const payload = JSON.parse(
      "[" + Array.from({ length: 4000 }, (_, j) => `{"_${(i + j).toString(36)}":1}`).join(",") + "]",
    );
    s.change((d: any) => {
      d.at["e" + i] = payload;
    });
    s.forget();
  }
  gc();
  console.log(S.name, (process.memoryUsage().heapUsed - b) / n, s.weight / n);
}
