import { existsSync } from "node:fs"; // checked by vite only: the sources know no Node
import preact from "@preact/preset-vite";
import { defineConfig } from "vite";

const out = "../src/zhiyin/web/static";

// Two builds: the pages, and the widget as one script that any site can load.
export default defineConfig(({ mode }) =>
  mode === "embed"
    ? {
        plugins: [preact()],
        build: { outDir: out, emptyOutDir: false, lib: { entry: "src/embed.tsx", formats: ["iife"], name: "zhiyin", fileName: () => "embed.js" } },
        define: { "process.env.NODE_ENV": '"production"' },
      }
    : {
        plugins: [preact()],
        build: {
          outDir: out,
          emptyOutDir: true,
          modulePreload: { polyfill: false },
          rollupOptions: { input: ["index.html", ...(existsSync("admin.html") ? ["admin.html"] : [])] },
        },
      },
);
