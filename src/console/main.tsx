// The console: a React application of its own, which calls the same HTTP API as everybody else.
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { App } from "./app.tsx";

createRoot(document.querySelector("#console")!).render(
  <StrictMode>
    <App />
  </StrictMode>,
);
