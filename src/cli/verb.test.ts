import { expect, test } from "@jest/globals";
import { Command } from "commander";
import { CommandError, EXIT } from "./exit-code.ts";
import { runVerb } from "./verb.ts";

test("an error ends a verb with its code, and its words reach the terminal as text alone", async () => {
  let written = "";
  const command = new Command("status").exitOverride().configureOutput({
    writeErr: (text) => {
      written += text;
    },
  });
  const refused = () =>
    Promise.reject(new CommandError(EXIT.timeout, "no such\u001b[2J\u009b1m image\nat all"));
  await expect(runVerb(command, refused)).rejects.toMatchObject({ exitCode: EXIT.timeout });
  expect(written).toBe("error: no such [2J 1m image at all\n");
});
