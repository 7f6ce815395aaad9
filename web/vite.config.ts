import preact from "@preact/preset-vite";
import { defineConfig } from "vite";

const out = "../src/zhiyin/web/static";

// Three builds: the chat page, the operator's page, and the widget as one script that any site can load.
// The pages are built apart, so that what they share does not become a third file that a visitor has to wait for.
export default defineConfig(({ mode }) =>
  mode === "embed"
    ? {
        plugins: [preact()],
        build: { outDir: out, emptyOutDir: false, lib: { entry: "src/embed.tsx", formats: ["iife"], name: "zhiyin", fileName: () => "embed.js" } },
        define: { "process.env.NODE_ENV": '"production"' },
      }
    : {
        plugins: [preact()],
        build: { outDir: out, emptyOutDir: mode !== "admin", modulePreload: { polyfill: false }, rollupOptions: { input: mode === "admin" ? "admin.html" : "index.html" } },
      },
);
