import { Navigate, Route, Routes } from "react-router";
import { Layout } from "./components/Layout";
import { SignedIn } from "./components/SignedIn";
import { ItemPage } from "./pages/ItemPage";
import { Items } from "./pages/Items";
import { Login } from "./pages/Login";
import { NotFound } from "./pages/NotFound";

export function App() {
  return (
    <Routes>
      <Route element={<Layout />}>
        <Route path="/login" element={<Login />} />
        <Route element={<SignedIn />}>
          <Route path="/" element={<Navigate to="/items" replace />} />
          <Route path="/items" element={<Items />} />
          <Route path="/items/:id" element={<ItemPage />} />
        </Route>
        <Route path="*" element={<NotFound />} />
      </Route>
    </Routes>
  );
}
