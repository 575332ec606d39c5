// Reads stored functions and queries, and writes a JSON list of the mistakes that Microsoft's parser finds in each query.
require("@kusto/language-service-next/bridge.min.js"); // sets the global that the next one fills
require("@kusto/language-service-next/Kusto.Language.Bridge.min.js");
const { GlobalState, KustoCode, Symbols } = Kusto.Language;

// What Application Insights shows of a line of the log: the columns that are there whatever a program sends.
const traces = new Symbols.TableSymbol.$ctor7(
  "traces",
  "(timestamp: datetime, message: string, severityLevel: int, customDimensions: dynamic, operation_Name: string," +
    " cloud_RoleName: string, itemCount: int)",
  "",
);
// The same where the scope is a Log Analytics workspace.
const appTraces = new Symbols.TableSymbol.$ctor7(
  "AppTraces",
  "(TimeGenerated: datetime, Message: string, SeverityLevel: int, Properties: dynamic, OperationName: string," +
    " AppRoleName: string, ItemCount: int)",
  "",
);
const { functions, queries } = JSON.parse(require("node:fs").readFileSync(0, "utf8"));
const stored = functions.map(
  ({ name, parameters, body }) => new Symbols.FunctionSymbol.$ctor16(name, `(${parameters})`, `{ ${body} }`, ""),
);
const database = new Symbols.DatabaseSymbol.ctor("app", [traces, appTraces, ...stored]);
const cluster = new Symbols.ClusterSymbol.ctor("insights", [database]);
const globals = GlobalState.Default.WithCluster(cluster).WithDatabase(database);

function mistakes(query) {
  const found = KustoCode.ParseAndAnalyze(query, globals).GetDiagnostics();
  return Array.from({ length: found.Count }, (_, index) => {
    const { Code, Message, Start } = found.getItem(index);
    return `line ${query.slice(0, Start).split("\n").length}: ${Code} ${Message}`;
  });
}

console.log(JSON.stringify(queries.map(mistakes)));
